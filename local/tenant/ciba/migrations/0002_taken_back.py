from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenant_ciba', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='consent',
            name='state',
            field=models.CharField(choices=[('pending', 'Pending'), ('approved', 'Approved'), ('denied', 'Denied'), ('back', 'Taken Back')], default='pending', max_length=8),
        ),
    ]
